"""Operations that only a lenient mock answers: with the types of the official SDKs, and without state."""
