"""What text holds that somebody should know of: secrets, personal data, planted instructions. By shapes and check digits alone,
in linear time; no model, no list of names."""
