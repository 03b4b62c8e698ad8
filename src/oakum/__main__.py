"""`python -m oakum`: the same as the command `oakum`, where that is not on the path."""

from oakum.entrypoints.cli.main import main

if __name__ == "__main__":
    main()
