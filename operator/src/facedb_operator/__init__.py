"""The operator: FaceDatabase resources in, verified releases behind readiness gates out."""
