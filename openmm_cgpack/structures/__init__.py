"""Files, ids and the shipped library to atomic structures."""
