"""What the commands do: each a plain function between the command line and the packages below."""
