"""Google's generateContent API as the simulated provider speaks it, at the Gemini API and at Vertex AI."""
