"""The front door: takes events in, and answers for them only once Kafka has them. It keeps no state."""
