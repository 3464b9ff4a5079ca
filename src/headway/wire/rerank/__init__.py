"""Documents put in the order in which they answer a query, in the words of every provider that does it."""
