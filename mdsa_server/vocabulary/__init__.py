"""The words every room shares, as frozen structs; imports nothing of ours."""
