"""The strategy of a flow."""

import json as _json
from typing import Any as _Any, Dict as _Dict, List as _List, Optional as _Optional
from uuid import UUID as _UUID

from _symbot.model import BaseModel as _BaseModel

from .resource import SRN as _SRN
from .strategies.integration import Integration as _Integration
from .target import AccessTarget as _AccessTarget

__all__ = ["Strategy"]


class Strategy(_BaseModel):
    """How a flow grants access."""

    id: _UUID
    type: str
    name: str
    label: _Optional[str] = None
    integration: _Integration
    targets: _List[_AccessTarget] = []
    settings: _Dict[str, str]
    srn: _SRN

    def json(self, **settings):
        data = self.dict()
        data["integration"] = self.integration.dict()
        data["targets"] = [target.dict() for target in self.targets]
        data["srn"] = str(self.srn)
        return _json.dumps(data, default=str, **{key: settings[key] for key in ("indent",) if key in settings})
