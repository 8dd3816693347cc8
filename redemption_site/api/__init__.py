"""The partner API's door to claims."""
