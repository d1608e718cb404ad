"""What the pipeline as a whole needs: plan of stages, lock, publish, paths, exit codes, run log."""
