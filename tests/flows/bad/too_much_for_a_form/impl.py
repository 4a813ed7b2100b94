from sym.sdk.annotations import reducer


@reducer
def get_permissions(event):
    return None
