"""Ground that every other package stands on; imports nothing else of Tuition."""
