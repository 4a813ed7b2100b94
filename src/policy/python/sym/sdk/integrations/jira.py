"""Jira: declared so that flows load; calls raise ``JiraError`` until this integration exists."""

from _symbot.hostcall import unavailable as _unavailable

from ..exceptions.jira import JiraError as _JiraError

__all__ = ["add_comment_to_issue", "create_issue", "search_issues"]


def search_issues(jql, fields=None, expand=None):
    raise _unavailable(_JiraError, "Jira")


def add_comment_to_issue(issue_id_or_key, comment, expand=None):
    raise _unavailable(_JiraError, "Jira")


def create_issue(title, project_key, issue_type_name, description=None, due_date=None, labels=None, parent_issue_id_or_key=None, priority_id=None, custom_fields=None):
    raise _unavailable(_JiraError, "Jira")
