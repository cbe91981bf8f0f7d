"""The reader of PromptSource's templates."""
