"""The partner API's doors of this app, and what the doors of every app stand on."""
