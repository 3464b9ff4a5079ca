"""How requests are signed to providers that want more than a key in a header: by AWS's rules, or with a token of
Google Cloud's or of Microsoft Entra's.
"""

from headway.providers.auth.choose import signer_for
from headway.providers.auth.extras import lacking
from headway.providers.auth.signer import AuthError, Signer

__all__ = ["AuthError", "Signer", "lacking", "signer_for"]
