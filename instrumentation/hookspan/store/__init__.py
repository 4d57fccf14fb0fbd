"""What the page reads and the exporter drains: schema, one writer, queries, retention."""
