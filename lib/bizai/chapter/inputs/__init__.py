"""What each chapter accepts: a module per chapter with its `Parameters` and its `Row` of the CSV file."""
