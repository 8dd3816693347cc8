"""What a campaign is printed on: posters and bare QR codes. Bytes; nothing here decides."""
