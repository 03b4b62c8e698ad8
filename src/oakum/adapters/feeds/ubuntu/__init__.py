"""Ubuntu's CVE tracker."""
