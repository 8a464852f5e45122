"""What runs in the child process: the start of the process, and the engine that makes every call of the SDK."""
