"""The names by which AWS's services are known, from those on its bills."""

_KNOWN = {
    "Amazon Elastic Compute Cloud - Compute": "EC2",
    "AmazonEC2": "EC2",
    "Amazon Relational Database Service": "RDS",
    "AmazonRDS": "RDS",
    "Amazon Simple Storage Service": "S3",
    "AmazonS3": "S3",
    "Amazon Elastic Load Balancing": "ELB",
    "Elastic Load Balancing": "ELB",
    "Amazon Elastic Block Store": "EBS",
    "Amazon Elastic Container Service": "ECS",
    "Amazon Elastic Container Service for Kubernetes": "EKS",
    "Amazon Elastic Container Registry": "ECR",
    "Amazon EC2 Container Registry (ECR)": "ECR",
    "Amazon Elastic File System": "EFS",
    "Amazon Elastic MapReduce": "EMR",
    "Amazon Virtual Private Cloud": "VPC",
    "Amazon Simple Queue Service": "SQS",
    "Amazon Simple Notification Service": "SNS",
    "Amazon Simple Email Service": "SES",
    "AWS Key Management Service": "KMS",
}
_OWNERS = ("Amazon ", "Amazon", "AWS ")


def short_name(service: str) -> str:
    """Return how people call a service; where nothing shorter is known, its name without the owner's.

    A bill that does not tell services apart has no name: "all services".
    """
    if not service:
        return "all services"
    if service in _KNOWN:
        return _KNOWN[service]
    owner = next((each for each in _OWNERS if service.startswith(each)), "")
    return service.removeprefix(owner) or service
