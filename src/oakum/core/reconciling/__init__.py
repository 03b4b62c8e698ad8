"""What other scanners say, beside what Oakum says."""
