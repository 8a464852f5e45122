"""``offhook bench``: measures what this machine carries."""
