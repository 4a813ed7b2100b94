def on_change_repo_name(username, form):
    return form
