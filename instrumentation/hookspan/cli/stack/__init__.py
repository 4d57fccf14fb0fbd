"""The containers of `hookspan stack`: their files, docker compose, and the settings that point at them."""
