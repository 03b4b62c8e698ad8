"""What another scanner says, held against what Oakum found, host by host."""
