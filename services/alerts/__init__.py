"""Alerts: matches what licensing publishes against subscriptions and delivers it by signed webhook."""
