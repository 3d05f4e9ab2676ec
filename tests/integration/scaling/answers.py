"""What several tests of the autoscaler's API expect to be told."""

NOT_YOURS = (403, {"error": "Unauthorized: You don't own this instance"})
UNKNOWN = (404, {"error": "Instance not found"})


def told(answer):
    return answer.status_code, answer.json()
