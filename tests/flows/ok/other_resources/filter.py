from sym.sdk.annotations import reducer

@reducer
def get_flows(user, flows):
    return flows
