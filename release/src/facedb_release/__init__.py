"""What a face-recognition data release is: fetch, verify, receipt. No Kubernetes, no web server."""
