"""Settlement statements as files: canonical CSV, XLSX and a printable PDF. Bytes; nothing here decides."""
