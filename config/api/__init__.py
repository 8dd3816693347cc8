"""The partner API as a whole: who is calling, how refusals look, where each door stands."""
