"""The commands: each is a plain function between the command line and the packages below."""
