"""The audit of a collection: find what in its tasks would mislead training or evaluation."""

from __future__ import annotations

from tuition.audit.finding import AuditFinding
from tuition.audit.run import AUDITS, audit_collection

__all__ = ["AUDITS", "AuditFinding", "audit_collection"]
