"""The partner API's doors of this app: campaigns, and the gifts that are issued from their orders."""
