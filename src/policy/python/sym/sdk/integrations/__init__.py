"""Integrations. The functions of all but ``jira`` and ``store`` are also here; of equal names the later module's wins."""

from . import aws_iam, aws_lambda, aws_sso, boundary, github, google, jira, knowbe4, okta, onelogin, pagerduty, slack, store
from . import sym as _sym_module
from .aws_iam import *
from .aws_lambda import *
from .aws_sso import *
from .boundary import *
from .github import *
from .google import *
from .knowbe4 import *
from .onelogin import *
from .okta import *
from .pagerduty import *
from .slack import *
from .sym import *

sym = _sym_module
