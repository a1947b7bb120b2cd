"""What proposes networks and learns from their rewards, and what the controller is made of."""
