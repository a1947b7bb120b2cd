"""SavedModels and TFLite files; `mnasnet.export` is the command."""
