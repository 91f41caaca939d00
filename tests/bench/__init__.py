"""How much does the app add to what Microsoft's own library takes for the same data? Ratios, measured in pairs."""
