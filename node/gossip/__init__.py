"""What circles say of themselves, heard and passed on."""
