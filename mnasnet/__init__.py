"""Networks: block strings -> Keras model -> trained -> exported."""
