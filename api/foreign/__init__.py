"""What other systems write when they are asked for everything, made into lines of a bundle. Pure; the command uses it too."""
