"""The audit of a collection: what in its tasks would mislead whoever learns from them or judges by them."""

from __future__ import annotations

from tuition.audit.finding import AuditFinding
from tuition.audit.run import AUDITS, audit_collection

__all__ = ["AUDITS", "AuditFinding", "audit_collection"]
