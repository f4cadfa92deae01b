"""The commands of `facedb`, one file each."""
