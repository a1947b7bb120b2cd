"""What a reward asks for, before it is paid for; `search.preview` is the command."""
