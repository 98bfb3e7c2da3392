"""The policy of a gateway that tokenises e-mail addresses, for the tests of what comes back."""


def policy(tokenize: str = "{}", *, restore: bool = True, auth: str = "") -> str:
    use = f"{{classes: [email], action: tokenize, restore: {str(restore).lower()}"
    first = f"\n  - auth: {auth}" if auth else ""
    return f"version: 1\nname: tokens\nchain:{first}\n  - dlp: {use}, tokenize: {tokenize}}}\n"
