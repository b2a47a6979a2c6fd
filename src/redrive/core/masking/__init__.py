"""What is hidden of payloads, exchanges and logs from those who may not see it. Pure."""

from redrive.core.masking.documents import Masker, masker
from redrive.core.masking.rules import HIDDEN, Mask, MaskRule, RuleInvalid
from redrive.core.masking.text_mask import address

__all__ = ["HIDDEN", "Mask", "MaskRule", "Masker", "RuleInvalid", "address", "masker"]
