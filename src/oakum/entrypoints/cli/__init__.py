"""The command line: oakum NOUN VERB."""
