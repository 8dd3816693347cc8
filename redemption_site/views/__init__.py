"""The pages that members see: parse, ask one service or query, answer."""
