"""Licensing: applies regimes, licences and quotas over an exact ledger and works out every lane."""
