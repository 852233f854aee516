"""One module for each schema; its name and its revision have the number of the schema."""
