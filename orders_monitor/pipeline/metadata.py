"""The names that the UI shows. They are an API: listed in the README, each said once, here."""
