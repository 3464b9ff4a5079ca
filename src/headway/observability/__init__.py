"""What has happened, told after the fact: metrics and the log. It reads and never decides."""
